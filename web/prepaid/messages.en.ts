import type { messages as base } from './messages.zh-CN.ts'

export const messages: Record<keyof typeof base, string> = {
  'prepaid.title': 'Pay in advance',
  'prepaid.heading': '{service}: paid in advance',
  'prepaid.balance': 'Held now',
  'prepaid.note':
    'New bills are paid from here by themselves, the oldest first. Each has its receipt and can be undone within ten minutes; the money then comes back here.',
  'prepaid.amount': 'How much',
  'prepaid.other': 'Another amount (yuan)',
  'prepaid.other_hint': 'At least {min} yuan, at most {max} yuan',
  'prepaid.yuan': '{amount} yuan',
  'prepaid.pay': 'Go on to pay',
  'prepaid.closed': 'Nothing more can be paid in advance for this account',
  'prepaid.closed_text': 'The biller does not take it, or the most is reached. What is held still pays your bills.',
  'prepaid.off': 'Paying in advance by phone is not open in this community yet',
  'prepaid.off_text': 'Please come to the window. No money was taken.',
  'prepaid.moves': 'In and out',
  'prepaid.none': 'Nothing yet',
  'prepaid.none_text': 'What comes in and what pays your bills is listed here.',
  'prepaid.in': 'Paid in',
  'prepaid.out': 'Paid: {title}',
  'prepaid.back': ' ({amount} yuan given back)',
  'prepaid.error_amount': 'Choose an amount, or enter one from {min} to {max} yuan. No money was taken.',
  'prepaid.error_again': 'The payment was not begun; please try again. No money was taken.',
  'prepaid.kept': 'Held for you; new bills are paid from it',
  'prepaid.see': 'See what is held',
}
