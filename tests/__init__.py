"""unit, golden (notifications in, commands out), func (real HAProxy and PostgreSQL), lab."""
