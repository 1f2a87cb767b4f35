gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

admin "x" {  # ERROR: Unexpected label
  address = "127.0.0.1:8080"
}
