//! The examples of deploykit; they stand beside this folder, a file each.
