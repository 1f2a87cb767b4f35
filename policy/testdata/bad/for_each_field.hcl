gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenants "more" {
  for_each = csvdecode(file("customers.csv"))
  name     = each.value.id
  domains  = split(" ", each.value.domain)  # ERROR: Unknown field
}
