;; Wants 4 GiB to start with.
;; expect: load: needs 4096 MiB of memory to start
(module
  (memory (export "memory") 65536)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
