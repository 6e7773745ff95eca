/** Why nothing was debited, as part of a message to the payer. */
export const messages = {
  insufficient: '卡里余额不够',
  account_closed: '这张卡已销户',
  mandate_unknown: '银行那边没有这份授权',
  account_frozen: '这张卡暂时不能扣款',
  over_limit: '超过了卡的限额',
  not_received: '银行没有收到',
  refused: '银行没有同意',
} as const
