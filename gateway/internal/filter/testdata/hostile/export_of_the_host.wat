;; Its own start function under the name that the host calls.
;; expect: load: which is the host's
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir1_meter.start"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
