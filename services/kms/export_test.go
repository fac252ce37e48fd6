package kms

// Charges is charges, for tests.
var Charges = charges
