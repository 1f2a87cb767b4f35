gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
  hostnam  = "mx"  # ERROR: Unknown attribute
}
