scenario "an attachment over the limit" {
  config {
    limit  = "10B"
    total  = "25B"
    except = ["image/*"]
  }
  mail "small" {
    message = <<-EOT
      Subject: small
      Content-Type: multipart/mixed; boundary=b

      --b
      Content-Type: text/plain

      This text is no attachment, however long it is.
      --b
      Content-Type: application/zip
      Content-Disposition: attachment; filename=a.zip

      0123456789
      --b
      Content-Type: image/png
      Content-Disposition: attachment; filename=a.png

      0123456789 0123456789
      --b--
    EOT
  }
  mail "large" {
    message = <<-EOT
      Subject: large
      Content-Type: multipart/mixed; boundary=b

      --b
      Content-Type: application/zip
      Content-Disposition: attachment; filename=a.zip

      0123456789A
      --b--
    EOT
    expect "message" {
      finding "attachment/too-large" {
        file        = "a.zip"
        action      = "reject"
        code        = 552
        explanation = "the attachment has 11 octets, and the limit is 10"
      }
    }
  }
  mail "much together" {
    message = <<-EOT
      Subject: much
      Content-Type: multipart/mixed; boundary=b

      --b
      Content-Type: application/zip
      Content-Disposition: attachment; filename=a.zip

      0123456789
      --b
      Content-Type: application/zip
      Content-Disposition: attachment; filename=b.zip

      0123456789
      --b
      Content-Type: application/zip
      Content-Disposition: attachment; filename=c.zip

      0123456789
      --b--
    EOT
    expect "message" {
      finding "attachment/too-large" {
        explanation = "the attachments have 30 octets, and the limit is 25"
      }
    }
  }
}

scenario "the limits are large where nothing is written" {
  mail "with an attachment" {
    message = <<-EOT
      Subject: small
      Content-Type: application/zip
      Content-Disposition: attachment; filename=a.zip

      0123456789
    EOT
  }
}
