"""The turns of one chat, whoever kept it: who speaks, what is said, which tools are called."""
