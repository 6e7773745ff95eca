import { join } from 'node:path'
import { controlTrades } from '../common/control.ts'
import { writeJson } from '../common/keys.ts'
import { announce, listen, sandboxServer, surroundings } from '../common/process.ts'
import { serveCashier } from './cashier.ts'
import { alipayDesk } from './desk.ts'
import { serveGateway } from './gateway.ts'
import { ensureAlipayKeys } from './keys.ts'

/** Stand-in for the Alipay gateway, as a process of its own. */
const around = surroundings()
const keys = ensureAlipayKeys(around.keysDir)
const desk = alipayDesk(keys, around)
const app = await sandboxServer()
let url = ''
serveGateway(app, desk, around, () => url)
serveCashier(app, desk, around.now)
controlTrades(app, desk, around.faults)
url = await listen(app, keys.merchant.gatewayUrl)
writeJson(join(around.keysDir, 'alipay.json'), { ...keys.merchant, gatewayUrl: `${url}/gateway.do` })
desk.resume()
announce('alipay', url, async () => {
  desk.stop()
  await app.close()
})
