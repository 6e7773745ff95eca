/** Wordings by template; `{name}` is a parameter. */
export const messages = {
  sign_in_code: '您的验证码是{code}，{minutes}分钟有效。任何人索要都不要给。',
  bill_due: '{service}账单已出：{period}，应缴{amount}元，{due_on}前缴清。户号尾号{account_tail}。',
  bill_due_soon: '{service}账单还有{days}天到期，应缴{amount}元，逾期会有违约金。',
  bill_overdue: '{service}欠费{amount}元，已逾期{days}天，含违约金{late_fee}元。有困难可到服务大厅咨询。',
  bill_paid: '您已支付{service}{amount}元，收据号{receipt_no}。十分钟内可撤销。',
  payment_unknown: '您的{amount}元付款结果正在确认，请勿重复付款。钱不会丢。',
  payment_duplicate: '这笔{service}您已经交过，多付的{amount}元会原路退回，不用您操作。',
  refund_accepted: '您申请的退款{amount}元已受理，将原路退回，编号{refund_no}。',
  refund_done: '{amount}元已原路退回，原付款单号{order_no}。',
  task_warning: '{subject}将于{deadline}到期，请抓紧办理。',
  task_overdue: '{subject}已于{deadline}到期未办，请立即处理。',
  task_escalated: '{subject}超期未办（{deadline}到期），已上报到您。',
} as const
