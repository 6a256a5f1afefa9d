//! garthctl
