gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "a" {
  address   = ":2525"
  direction = "inbound"
}

listener "a" {  # ERROR: Repeated name
  address   = ":2526"
  direction = "inbound"
}
