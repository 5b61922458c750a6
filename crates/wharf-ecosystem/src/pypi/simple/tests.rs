//! Pages of both formats, whole and broken.
