"""The tools that there are, by name: what a request may allow. The agent makes them; a test holds the two equal."""

TOOLS = ("search", "transcribe", "speak", "edit_audio", "chart", "calculate", "device")
