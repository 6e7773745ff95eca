import type { messages as base } from './messages.zh-CN.ts'

export const messages: Record<keyof typeof base, string> = {
  insufficient: 'not enough money on the card',
  account_closed: 'the card account is closed',
  mandate_unknown: 'the bank has no such mandate',
  account_frozen: 'the card cannot be debited at present',
  over_limit: 'over the limit of the card',
  not_received: 'the bank did not receive it',
  refused: 'the bank declined',
}
