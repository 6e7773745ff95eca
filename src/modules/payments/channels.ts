import { readAlipayStatement } from './adapters/alipay/statement.ts'
import { readWechatStatement } from './adapters/wechat/statement.ts'
import type { ChannelCode, PayerSignIn, PaymentChannel } from './ports.ts'

const known = new Map<string, PaymentChannel>()
const nameOf = (tenantId: number, code: string) => `${tenantId}:${code}`

/** A merchant account belongs to one tenant: each tenant has its own client per channel. */
export function useChannel(tenantId: number, channel: PaymentChannel): void {
  known.set(nameOf(tenantId, channel.code), channel)
}

export const findChannel = (tenantId: number, code: string): PaymentChannel | undefined => known.get(nameOf(tenantId, code))

export const listChannels = (tenantId: number): ChannelCode[] =>
  [...known.entries()].filter(([name]) => name.startsWith(`${tenantId}:`)).map(([, channel]) => channel.code)

/** How the channel's own app says who pays. */
export const findPayerSignIn = (tenantId: number, code: string): PayerSignIn | undefined => findChannel(tenantId, code)?.payerSignIn

/** How the shell of a mini programme says who pays. */
export const findMiniSignIn = (tenantId: number, code: string): PaymentChannel['miniSignIn'] => findChannel(tenantId, code)?.miniSignIn

const READERS: Readonly<Record<string, PaymentChannel['readStatement']>> = { wechat: readWechatStatement, alipay: readAlipayStatement }

/** How a channel's statement is read: that takes no key, so it works where the channel itself is not set up. */
export const statementReader = (tenantId: number, code: string): PaymentChannel['readStatement'] | undefined =>
  findChannel(tenantId, code)?.readStatement ?? READERS[code]
