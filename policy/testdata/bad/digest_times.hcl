gateway {
  hostname = "mx.acme.test"
  data_dir = "var"
}
admin {
  address = "127.0.0.1:8080"
  url     = "https://mail.acme.test"
}
tenant "acme" {
  domains = ["acme.test"]
  digest {
    at = [
      "07:00",
      "Mon-Fri 07:00",
      "28. 23:59",
      "7:00", # ERROR: Invalid time
      "24:00", # ERROR: Invalid time
      "Mun 07:00", # ERROR: Invalid time
      "31. 07:00", # ERROR: Invalid time
    ]
    zone     = "Europe/Vienna"
    except   = ["all@elsewhere.test"] # ERROR: Address of another domain
    statuses = ["queued"] # ERROR: Invalid value
  }
  report "weekly" {
    at     = ["Mon 07:00"]
    zone   = "Mars/Olympus" # ERROR: Unknown time zone
    to     = [] # ERROR: Invalid value
    search = "status:quarantined"
  }
}
