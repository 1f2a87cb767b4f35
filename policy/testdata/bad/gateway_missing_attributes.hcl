gateway {  # ERROR: Missing attribute # ERROR: Missing attribute
}
