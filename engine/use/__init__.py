"""What comes after training: comparing answers, taking the result away, and looking at data before."""
