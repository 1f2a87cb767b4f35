gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" { hosts = ["127.0.0.1:25"] }

route "relay" { hosts = ["127.0.0.2:25"] }  # ERROR: Repeated name
