"""Looking at messages before anybody gets them: one at a time, all of them, and as pictures."""
