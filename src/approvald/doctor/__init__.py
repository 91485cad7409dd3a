"""The live checks behind `approvald doctor`: whether everything is as approvald needs it, asked of the systems.

Nothing here confirms, sends, files or changes anything. Systems are asked through ports alone.
"""
