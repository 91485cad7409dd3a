"""May this person approve this request? Pure: facts in, a decision with its checks out."""
