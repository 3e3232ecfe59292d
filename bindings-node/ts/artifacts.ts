import { call } from './call.js'
import type { NewPolicyDocument } from './document.js'
import type { S3Access } from './grant.js'
import { described, invalid, readable, text } from './input.js'
import { native } from './native.js'

/**
 * The trust policy that lets one service account of a cluster assume a role, with both `:sub` and `:aud` pinned.
 *
 * Nothing is called: the document comes from the arguments alone.
 *
 * ```ts
 * import { trustDocument } from 'podrole'
 *
 * const document = trustDocument(
 *   'arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B',
 *   'devops-aurora-1/connections-serviceaccount-s3',
 * )
 * console.log(JSON.stringify(document, null, 2))
 * ```
 *
 * @param providerArn - The ARN of the cluster's OIDC provider in IAM; the issuer is read from it.
 * @param serviceAccount - The service account as `namespace/name`.
 * @throws {@link PodroleError} of kind `invalid_input` when an argument is no string or breaks a naming rule.
 */
export function trustDocument(providerArn: string, serviceAccount: string): NewPolicyDocument {
  return call(trustDocument, () =>
    document(native.trustDocument(text(providerArn, 'providerArn'), text(serviceAccount, 'serviceAccount'))),
  )
}

/**
 * The manifest of a service account that is annotated with a role, as YAML.
 *
 * @param serviceAccount - The service account as `namespace/name`.
 * @param roleArn - The role's ARN.
 * @throws {@link PodroleError} of kind `invalid_input` when an argument is no string or breaks a naming rule.
 */
export function serviceAccountYaml(serviceAccount: string, roleArn: string): string {
  return call(serviceAccountYaml, () =>
    native.serviceAccountYaml(text(serviceAccount, 'serviceAccount'), text(roleArn, 'roleArn')),
  )
}

/**
 * The trust policy that another role needs for data syncs: the role's ARN and S3 may assume it.
 *
 * @param roleArn - ARN of the role that assumes the other one.
 * @param sourceAccount - Account that S3 must be acting for; default: any.
 * @param externalId - External id that the role must present; default: none.
 * @throws {@link PodroleError} of kind `invalid_input` when `roleArn` is not the ARN of a role.
 */
export function dataSyncStatement(roleArn: string, sourceAccount?: string, externalId?: string): NewPolicyDocument {
  return call(dataSyncStatement, () =>
    document(
      native.dataSyncStatement(
        text(roleArn, 'roleArn'),
        sourceAccount === undefined ? undefined : text(sourceAccount, 'sourceAccount'),
        externalId === undefined ? undefined : text(externalId, 'externalId'),
      ),
    ),
  )
}

/**
 * A least-privilege policy for whole S3 buckets.
 *
 * @param partition - `aws`, `aws-cn`, ….
 * @param buckets - Buckets by name, at least one.
 * @param access - What may be done.
 * @throws {@link PodroleError} of kind `invalid_input` when a bucket's name is not legal or there is none.
 */
export function s3Policy(partition: string, buckets: readonly string[], access: S3Access): NewPolicyDocument {
  return call(s3Policy, () => {
    if (!readable('buckets', () => Array.isArray(buckets))) {
      throw invalid(`buckets must be an array, this is ${described(buckets)}`)
    }
    const names = readable('buckets', () => Array.from(buckets, (bucket, index) => text(bucket, `buckets[${index}]`)))
    return document(native.s3Policy(text(partition, 'partition'), names, JSON.stringify(text(access, 'access'))))
  })
}

/**
 * The JSON6902 patch that runs a workload as a service account, as YAML.
 *
 * @param serviceAccount - The service account's name.
 * @throws {@link PodroleError} of kind `invalid_input` when the name is not legal.
 */
export function kustomizePatch(serviceAccount: string): string {
  return call(kustomizePatch, () => native.kustomizePatch(text(serviceAccount, 'serviceAccount')))
}

function document(json: string): NewPolicyDocument {
  return JSON.parse(json) as NewPolicyDocument
}
