import { defineErrors } from '#kernel/result.ts'

export const errors = defineErrors('payments', {
  order_not_found: 404,
  order_not_open: 409,
  subject_being_paid: 409,
  subject_already_paid: 409,
  channel_not_available: 503,
  attempt_in_progress: 409,
  amount_not_positive: 422,
  refund_not_allowed: 409,
  refund_too_large: 422,
  undo_too_late: 409,
  not_the_payer: 404,
  notification_refused: 401,
  notification_unknown_order: 404,
  notification_amount: 409,
})
