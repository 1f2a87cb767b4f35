;; Fills and copies a table of the largest size for ever.
;; expect: deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (table $t 131072 funcref)
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l
      (table.fill $t (i32.const 0) (ref.null func) (i32.const 131072))
      (table.copy $t $t (i32.const 0) (i32.const 65536) (i32.const 65536))
      (br $l))
    (i32.const 0))
)
