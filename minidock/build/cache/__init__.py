"""What was built before: by what it depended on, so that it is found exactly when it would come out the same."""
