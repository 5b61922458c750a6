//! Keys and receipts of prebuilts.
