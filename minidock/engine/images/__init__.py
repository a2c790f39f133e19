"""Images as people deal with them: listed, named, removed, with an eye on the containers that use them."""
