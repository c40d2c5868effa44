"""Building blocks that several networks share; they know no config."""
