//! Every read of a business's own tables.
