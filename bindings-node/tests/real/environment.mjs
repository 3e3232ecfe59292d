// Real parts on loopback: the AWS emulator and the control plane of tests/env. Each ends when the pipe to it closes.

import { spawn, execFile } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const env = `${process.env.PODROLE_ROOT}/tests/env`
export const account = '204393242335'
export const cluster = 'devops_aurora'
export const region = 'ca-central-1'

/** Starts a program of tests/env; gives what its ready line says. */
async function started(program, ...args) {
  const child = spawn(process.env.PODROLE_TEST_PYTHON, [`${env}/${program}`, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const end = async () => {
    const ended = once(child, 'exit')
    child.stdin.end()
    await ended
  }
  return { ...JSON.parse(line), end }
}

/** The control plane, the emulator that knows its cluster, and a namespace with the worked example's Deployment. */
export async function environment() {
  const [plane, front] = await Promise.all([
    started('control_plane.py', '--mark-ready'),
    started('aws_front.py', '--emulator', 'moto'),
  ])
  const control = async (method, path, body) => {
    const answer = await fetch(`${front.endpoint}/_front/${path}`, { method, body: body && JSON.stringify(body) })
    const text = await answer.text()
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    }
    return text === '' ? undefined : JSON.parse(text)
  }
  await control('PUT', `clusters/${cluster}`, {
    name: cluster,
    arn: `arn:aws:eks:${region}:${account}:cluster/${cluster}`,
    status: 'ACTIVE',
    version: '1.36',
    endpoint: plane.server,
    certificateAuthority: { data: plane.ca },
    identity: { oidc: { issuer: plane.issuer } },
  })
  const kubectl = async (...args) => {
    const { stdout } = await promisify(execFile)(plane.kubectl, ['--kubeconfig', plane.kubeconfig, ...args])
    return stdout
  }
  const namespace = 'devops-aurora-1'
  await kubectl('create', 'namespace', namespace)
  await kubectl('create', 'deployment', 'connections-app', '--image=app', '--replicas=2', '-n', namespace)
  const end = () => Promise.all([plane.end(), front.end()])
  return { plane, front, control, kubectl, namespace, end }
}
