"""The pages: layout and wiring only. A page never imports another page; it asks the state to navigate."""
