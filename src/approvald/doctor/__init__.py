"""The live checks behind `approvald doctor`: they ask the systems whether everything is as approvald needs it.

Nothing here confirms, sends, files or changes anything. Systems are asked only through ports.
"""
