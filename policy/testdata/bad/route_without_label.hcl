gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route { hosts = ["127.0.0.1:25"] }  # ERROR: Missing label
