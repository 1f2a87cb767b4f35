gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

list "vip" {  # ERROR: Missing attribute
}
