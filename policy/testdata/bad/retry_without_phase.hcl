gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

retry "quick" {  # ERROR: Missing block
}
