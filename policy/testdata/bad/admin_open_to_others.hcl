gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

admin {
  address = ":8080"  # ERROR: Admin listener is open to others
}
