gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

events "siem" {  # ERROR: Missing block
  types = ["Delivery"]
}
