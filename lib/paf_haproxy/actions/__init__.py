"""The actions of Pacemaker, one module each, and follow, which systemd calls."""
