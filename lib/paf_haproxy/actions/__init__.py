"""The actions, one module each. Pacemaker calls them, and systemd calls follow."""
