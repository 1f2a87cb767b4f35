gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

events "siem" {
  tenants = ["acme"]  # ERROR: Unknown tenant
  file { path = "events.jsonl" }
}
