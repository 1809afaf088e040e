"""Rows and lines that are a conversation only together: tables of messages, chats of people."""
