import type { KeyObject } from 'node:crypto'
import type { NotificationOutcome, Refused } from '../../ports.ts'
import { type Fields, fieldsOf, parseFields, textOf } from '../shape.ts'
import type { WechatConfig, WechatKeys } from './config.ts'
import { findSignatureFault, openSealed } from './crypto.ts'
import { readRefund, readTrade } from './facts.ts'

const BODY_BYTES_MAX = 64 * 1024

const refused = (code: string, message: string): Refused => ({ kind: 'refused', code, message })

/**
 * Verifies, opens and reads one notification. Pure computation on keys parsed beforehand.
 * A probe of the channel with a wrong signature ("SIGNTEST") is refused like any forgery.
 */
export function readNotification(
  config: Pick<WechatConfig, 'mchid' | 'appid' | 'mini'>,
  keys: Pick<WechatKeys, 'apiV3Key' | 'platform'>,
  raw: Buffer,
  headers: Record<string, string | undefined>,
  now: Date,
): NotificationOutcome {
  if (raw.length > BODY_BYTES_MAX) return refused('body_too_long', `${raw.length} bytes`)
  const signed = {
    timestamp: headers['wechatpay-timestamp'],
    nonce: headers['wechatpay-nonce'],
    serial: headers['wechatpay-serial'],
    signature: headers['wechatpay-signature'],
  }
  const fault = findSignatureFault(keys.platform, signed, raw, now)
  if (fault) return refused(fault, `serial ${signed.serial?.slice(0, 60)}`)
  const envelope = parseFields(raw.toString())
  const eventKey = textOf(envelope, 'id')
  const sealed = fieldsOf(envelope?.resource)
  if (!envelope || !eventKey || !sealed) return refused('body_bad', 'not a notification')
  const resource = openResource(keys.apiV3Key, sealed)
  if (!resource) return refused('resource_bad', 'cannot be opened with the APIv3 key')
  if (textOf(resource, 'mchid') !== config.mchid) return refused('merchant_other', textOf(resource, 'mchid') ?? '')
  return readEvent(textOf(envelope, 'event_type') ?? '', eventKey, resource, [config.appid, config.mini?.appid])
}

function readEvent(type: string, eventKey: string, resource: Fields, appids: readonly (string | undefined)[]): NotificationOutcome {
  if (type.startsWith('TRANSACTION.')) {
    const appid = textOf(resource, 'appid')
    if (!appid || !appids.includes(appid)) return refused('merchant_other', `appid ${appid}`)
    const fact = readTrade(resource)
    return fact ? { kind: 'trade', eventKey, fact } : refused('resource_bad', 'transaction lacks a field')
  }
  if (type.startsWith('REFUND.')) {
    const fact = readRefund(resource)
    return fact ? { kind: 'refund', eventKey, fact } : refused('resource_bad', 'refund lacks a field')
  }
  return refused('event_unknown', type.slice(0, 60))
}

function openResource(apiV3Key: KeyObject, sealed: Fields): Fields | undefined {
  const ciphertext = textOf(sealed, 'ciphertext')
  const nonce = textOf(sealed, 'nonce')
  if (textOf(sealed, 'algorithm') !== 'AEAD_AES_256_GCM' || !ciphertext || !nonce) return undefined
  const plain = openSealed(apiV3Key, { ciphertext, nonce, associatedData: textOf(sealed, 'associated_data') ?? '' })
  return plain && parseFields(plain.toString())
}
