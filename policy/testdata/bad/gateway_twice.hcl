gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

gateway {  # ERROR: Repeated block
  hostname = "b.test"
  data_dir = "var"
}
