gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listner "mx" {  # ERROR: Unknown block
  address = ":25"
}
