package iam

// linkedService is a service that has a role linked to it.
type linkedService struct {
	// principal without its ".amazonaws.com", and role without its "AWSServiceRoleFor".
	principal, role string
	// policy is the name of the managed policy that the role has.
	policy string
	// suffix says whether there can be more such roles, with a suffix that the caller chooses.
	suffix bool
}

// linkedServices are sorted by principal. AWS publishes no list of them; these are gathered from, see each line:
//
//	[rec]    what AWS was recorded to answer to CreateServiceLinkedRole: localstack, tests/aws/services/iam/test_iam.py. It also
//	         says which of them take a suffix.
//	[policy] the resource that a managed policy of AWS names, "role/aws-service-role/PRINCIPAL/NAME"
//	others   AWS's documentation, or a user's report
//
// Where no source has a suffix, there is none: to refuse a good one fails loudly.
var linkedServices = []linkedService{
	{"access-analyzer", "AccessAnalyzer", "AccessAnalyzerServiceRolePolicy", false},                                                                      // [policy] AWSSecurityHubV2ServiceRolePolicy
	{"accountdiscovery.ssm", "AmazonSSM_AccountDiscovery", "AWSSystemsManagerAccountDiscoveryServicePolicy", false},                                      // [rec]
	{"acm", "CertificateManager", "CertificateManagerServiceRolePolicy", false},                                                                          // [rec]
	{"aco-automation", "ComputeOptimizerAutomation", "ComputeOptimizerAutomationServiceRolePolicy", false},                                               // [policy] AWSBudgetsSpendLimitMemberRolePolicy
	{"agent-registry", "AgentRegistry", "AWSAgentRegistryServiceRolePolicy", false},                                                                      // [policy] AgentRegistryFullAccess
	{"airflow", "AmazonMWAA", "AmazonMWAAServiceRolePolicy", false},                                                                                      // [policy] SageMakerStudioAdminIAMDefaultExecutionPolicy
	{"airflow-serverless", "AmazonMWAAServerless", "AmazonMWAAServerlessServiceRolePolicy", false},                                                       // [policy] SageMakerStudioAdminIAMDefaultExecutionPolicy
	{"apidestinations.events", "AmazonEventBridgeApiDestinations", "AmazonEventBridgeApiDestinationsServiceRolePolicy", false},                           // [policy] AmazonEventBridgeFullAccess
	{"appfabric", "AppFabric", "AWSAppFabricServiceRolePolicy", false},                                                                                   // [policy] AWSAppFabricFullAccess
	{"application-insights", "ApplicationInsights", "CloudwatchApplicationInsightsServiceLinkedRolePolicy", false},                                       // [policy] AWSServiceRoleForSMS
	{"application-signals.cloudwatch", "CloudWatchApplicationSignals", "CloudWatchApplicationSignalsServiceRolePolicy", false},                           // [policy] BedrockAgentCoreFullAccess
	{"appmesh", "AppMesh", "AWSAppMeshServiceRolePolicy", false},                                                                                         // [rec]
	{"apprunner", "AppRunner", "AppRunnerServiceRolePolicy", false},                                                                                      // [policy] AWSAppRunnerFullAccess
	{"appstream.application-autoscaling", "ApplicationAutoScaling_AppStreamFleet", "AWSApplicationAutoscalingAppStreamFleetPolicy", false},               // [policy] AmazonAppStreamFullAccess
	{"appsync", "AppSync", "AWSAppSyncServiceRolePolicy", false},                                                                                         // [policy] AWSAppSyncAdministrator
	{"artifact", "Artifact", "AWSArtifactServiceRolePolicy", false},                                                                                      // [policy] AWSArtifactAgreementsFullAccess
	{"auditmanager", "AuditManager", "AWSAuditManagerServiceRolePolicy", false},                                                                          // [policy] AWSAuditManagerAdministratorAccess
	{"autoscaling", "AutoScaling", "AutoScalingServiceRolePolicy", true},                                                                                 // [rec]
	{"autoscaling-plans", "AutoScalingPlans_EC2AutoScaling", "AWSAutoScalingPlansEC2AutoScalingPolicy", false},                                           // [rec]
	{"backup", "Backup", "AWSBackupServiceLinkedRolePolicyForBackup", false},                                                                             // [rec]
	{"batch", "Batch", "BatchServiceRolePolicy", false},                                                                                                  // [rec]
	{"bedrock-agentcore", "BedrockAgentCoreGatewayNetwork", "AWSBedrockAgentCoreGatewayNetworkServiceRolePolicy", false},                                 // [policy] BedrockAgentCoreFullAccess
	{"braket", "AmazonBraket", "AmazonBraketServiceRolePolicy", false},                                                                                   // [policy] AmazonBraketFullAccess
	{"bugbust", "BugBust", "AWSBugBustServiceRolePolicy", false},                                                                                         // [policy] AWSBugBustFullAccess
	{"cassandra-streams", "AmazonKeyspacesCDC", "KeyspacesCDCServiceRolePolicy", false},                                                                  // [policy] AmazonKeyspacesFullAccess
	{"cassandra.application-autoscaling", "ApplicationAutoScaling_CassandraTable", "AWSApplicationAutoscalingCassandraTablePolicy", false},               // [rec]
	{"chime", "AmazonChime", "AmazonChimeServiceRolePolicy", false},                                                                                      // [policy] AmazonChimeServiceRolePolicy
	{"cks.kms", "KeyManagementServiceCustomKeyStores", "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy", false},                                 // [rec]
	{"cloudhsm", "CloudHSM", "CloudHSMServiceRolePolicy", false},                                                                                         // https://docs.aws.amazon.com/cloudhsm/latest/userguide/service-linked-roles.html
	{"cloudtrail", "CloudTrail", "CloudTrailServiceRolePolicy", false},                                                                                   // [rec]
	{"codeguru-reviewer", "AmazonCodeGuruReviewer", "AmazonCodeGuruReviewerServiceRolePolicy", false},                                                    // [policy] AWSCodeCommitFullAccess
	{"codestar-notifications", "CodeStarNotifications", "AWSCodeStarNotificationsServiceRolePolicy", false},                                              // [rec]
	{"cognito-idp", "AmazonCognitoIdp", "AmazonCognitoIdpServiceRolePolicy", false},                                                                      // [policy] AmazonCognitoPowerUser
	{"comprehend.application-autoscaling", "ApplicationAutoScaling_ComprehendEndpoint", "AWSApplicationAutoscalingComprehendEndpointPolicy", false},      // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
	{"compute-optimizer", "ComputeOptimizer", "ComputeOptimizerServiceRolePolicy", false},                                                                // [policy] AWSBudgetsSpendLimitMemberRolePolicy
	{"config", "Config", "AWSConfigServiceRolePolicy", false},                                                                                            // [rec]
	{"config-conforms", "ConfigConforms", "ConfigConformsServiceRolePolicy", false},                                                                      // [policy] AWSConfigMultiAccountSetupPolicy
	{"connect", "AmazonConnect", "AmazonConnectServiceLinkedRolePolicy", true},                                                                           // [rec]
	{"continuousexport.discovery", "ApplicationDiscoveryServiceContinuousExport", "ApplicationDiscoveryServiceContinuousExportServiceRolePolicy", false}, // [policy] AWSApplicationDiscoveryServiceFullAccess
	{"cost-optimization-hub.bcm", "CostOptimizationHub", "CostOptimizationHubServiceRolePolicy", false},                                                  // [policy] AWSBudgetsSpendLimitMemberRolePolicy
	{"custom-resource.application-autoscaling", "ApplicationAutoScaling_CustomResource", "AWSApplicationAutoScalingCustomResourcePolicy", false},         // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
	{"datasync", "DataSync", "AWSDataSyncServiceRolePolicy", false},                                                                                      // [policy] AWSDataSyncFullAccess
	{"delivery.logs", "LogDelivery", "AWSServiceRoleForLogDeliveryPolicy", false},                                                                        // [policy] AWSNetworkFirewallFullAccess
	{"devops-guru", "DevOpsGuru", "AmazonDevOpsGuruServiceRolePolicy", false},                                                                            // [policy] AWSQuickSetupDevOpsGuruPermissionsBoundary
	{"dms", "DMSServerless", "AWSDMSServerlessServiceRolePolicy", false},                                                                                 // [rec]
	{"dms-fleet-advisor", "DMSFleetAdvisor", "AWSDMSFleetAdvisorServiceRolePolicy", false},                                                               // [rec]
	{"docdb-elastic", "DocDB-Elastic", "AmazonDocDB-ElasticServiceRolePolicy", false},                                                                    // [rec]
	{"dynamodb.application-autoscaling", "ApplicationAutoScaling_DynamoDBTable", "AWSApplicationAutoscalingDynamoDBTablePolicy", false},                  // [policy] AWSThinkboxDeadlineResourceTrackerAdminPolicy
	{"ec2-instance-connect", "Ec2InstanceConnect", "Ec2InstanceConnectEndpoint", false},                                                                  // [rec]
	{"ec2.application-autoscaling", "ApplicationAutoScaling_EC2SpotFleetRequest", "AWSApplicationAutoscalingEC2SpotFleetRequestPolicy", false},           // [rec]
	{"ec2fastlaunch", "EC2FastLaunch", "EC2FastLaunchServiceRolePolicy", false},                                                                          // [policy] EC2FastLaunchFullAccess
	{"ec2fleet", "EC2Fleet", "AWSEC2FleetServiceRolePolicy", false},                                                                                      // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-prerequisites.html
	{"ecr", "ECRTemplate", "ECRTemplateServiceRolePolicy", false},                                                                                        // [rec]
	{"ecs", "ECS", "AmazonECSServiceRolePolicy", false},                                                                                                  // [rec]
	{"ecs.application-autoscaling", "ApplicationAutoScaling_ECSService", "AWSApplicationAutoscalingECSServicePolicy", false},                             // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
	{"eks", "AmazonEKS", "AmazonEKSServiceRolePolicy", false},                                                                                            // [rec]
	{"eks-connector", "AmazonEKSConnector", "AmazonEKSConnectorServiceRolePolicy", false},                                                                // [rec]
	{"eks-fargate", "AmazonEKSForFargate", "AmazonEKSForFargateServiceRolePolicy", false},                                                                // [rec]
	{"eks-nodegroup", "AmazonEKSNodegroup", "AWSServiceRoleForAmazonEKSNodegroup", false},                                                                // [rec]
	{"elasticache", "ElastiCache", "ElastiCacheServiceRolePolicy", false},                                                                                // [rec]
	{"elasticache.application-autoscaling", "ApplicationAutoScaling_ElastiCacheRG", "AWSApplicationAutoscalingElastiCacheRGPolicy", false},               // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
	{"elasticbeanstalk", "ElasticBeanstalk", "AWSElasticBeanstalkServiceRolePolicy", false},                                                              // [rec]
	{"elasticfilesystem", "AmazonElasticFileSystem", "AmazonElasticFileSystemServiceRolePolicy", false},                                                  // [rec]
	{"elasticloadbalancing", "ElasticLoadBalancing", "AWSElasticLoadBalancingServiceRolePolicy", false},                                                  // [rec]
	{"elasticmapreduce", "EMRCleanup", "AmazonEMRCleanupPolicy", false},                                                                                  // [policy] SageMakerStudioAdminIAMDefaultExecutionPolicy
	{"elasticmapreduce.application-autoscaling", "ApplicationAutoScaling_EMRInstanceGroup", "AWSApplicationAutoscalingEMRInstanceGroupPolicy", false},    // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
	{"email.cognito-idp", "AmazonCognitoIdpEmailService", "AmazonCognitoIdpEmailServiceRolePolicy", false},                                               // [rec]
	{"emr-containers", "AmazonEMRContainers", "AmazonEMRContainersServiceRolePolicy", false},                                                             // [rec]
	{"emrwal", "EMRWAL", "EMRDescribeClusterPolicyForEMRWAL", false},                                                                                     // [rec]
	{"es", "AmazonElasticsearchService", "AmazonElasticsearchServiceRolePolicy", false},                                                                  // https://github.com/terraform-community-modules/tf_aws_elasticsearch/issues/23
	{"events", "CloudWatchEvents", "CloudWatchEventsServiceRolePolicy", false},                                                                           // [policy] CloudWatchFullAccess
	{"events.workmail", "AmazonWorkMailEvents", "AmazonWorkMailEventsServiceRolePolicy", false},                                                          // [policy] AmazonWorkMailFullAccess
	{"fis", "FIS", "AmazonFISServiceRolePolicy", false},                                                                                                  // [rec]
	{"fms", "FMS", "FMSServiceRolePolicy", false},                                                                                                        // [policy] FMSServiceRolePolicy
	{"globalaccelerator", "GlobalAccelerator", "AWSGlobalAcceleratorSLRPolicy", false},                                                                   // [policy] GlobalAcceleratorFullAccess
	{"grafana", "AmazonGrafana", "AmazonGrafanaServiceLinkedRolePolicy", false},                                                                          // [rec]
	{"guardduty", "AmazonGuardDuty", "AmazonGuardDutyServiceRolePolicy", false},                                                                          // https://docs.aws.amazon.com/guardduty/latest/ug/slr-permissions.html
	{"imagebuilder", "ImageBuilder", "AWSServiceRoleForImageBuilder", false},                                                                             // [rec]
	{"inspector", "AmazonInspector", "AmazonInspectorServiceRolePolicy", false},                                                                          // [policy] AmazonInspectorFullAccess
	{"inspector2", "AmazonInspector2", "AmazonInspector2ServiceRolePolicy", false},                                                                       // https://docs.aws.amazon.com/inspector/latest/user/slr-permissions.html
	{"internetmonitor", "InternetMonitor", "CloudWatchInternetMonitorServiceRolePolicy", false},                                                          // [policy] CloudWatchInternetMonitorFullAccess
	{"iotmanagedintegrations", "IoTManagedIntegrations", "AWSIoTManagedIntegrationsRolePolicy", false},                                                   // [rec]
	{"iotroborunner", "IoTRoboRunner", "AWSIotRoboRunnerServiceRolePolicy", false},                                                                       // [policy] AWSIotRoboRunnerFullAccess
	{"iotsitewise", "IoTSiteWise", "AWSServiceRoleForIoTSiteWise", false},                                                                                // [policy] AWSIoTSiteWiseConsoleFullAccess
	{"justintimeaccess.ssm", "SystemsManagerJustInTimeAccess", "AWSSystemsManagerJustInTimeAccessServicePolicy", false},                                  // [policy] AWSQuickSetupManageJITNAResourcesExecutionPolicy
	{"kafka", "Kafka", "KafkaServiceRolePolicy", false},                                                                                                  // [rec]
	{"kafka.application-autoscaling", "ApplicationAutoScaling_KafkaCluster", "AWSApplicationAutoscalingKafkaClusterPolicy", false},                       // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
	{"kafkaconnect", "KafkaConnect", "KafkaConnectServiceRolePolicy", false},                                                                             // [rec]
	{"lakeformation", "LakeFormationDataAccess", "LakeFormationDataAccessServiceRolePolicy", false},                                                      // [rec]
	{"lambda", "Lambda", "AWSLambdaServiceRolePolicy", false},                                                                                            // [policy] AWSLambda_FullAccess
	{"lambda.application-autoscaling", "ApplicationAutoScaling_LambdaConcurrency", "AWSApplicationAutoscalingLambdaConcurrencyPolicy", false},            // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
	{"lexv2", "LexV2Bots", "AmazonLexV2BotPolicy", true},                                                                                                 // [rec]
	{"license-management.marketplace", "MarketplaceLicenseManagement", "AWSMarketplaceLicenseManagementServiceRolePolicy", false},                        // [policy] AWSLicenseManagerServiceRolePolicy
	{"license-manager.member-account", "AWSLicenseManagerMemberAccountRole", "AWSLicenseManagerMemberAccountRolePolicy", false},                          // [policy] AWSLicenseManagerServiceRolePolicy
	{"lightsail", "Lightsail", "LightsailExportAccess", false},                                                                                           // [rec]
	{"logger.cloudfront", "CloudFrontLogger", "AWSCloudFrontLogger", false},                                                                              // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-edge-permissions.html
	{"m2", "AWSM2", "AWSM2ServicePolicy", false},                                                                                                         // [rec]
	{"macie", "AmazonMacie", "AmazonMacieServiceRolePolicy", false},                                                                                      // [policy] AmazonMacieFullAccess
	{"memorydb", "MemoryDB", "MemoryDBServiceRolePolicy", false},                                                                                         // [rec]
	{"migrationhub-orchestrator", "MigrationHubOrchestrator", "AWSMigrationHubOrchestratorServiceRolePolicy", false},                                     // [policy] AWSMigrationHubOrchestratorConsoleFullAccess
	{"monitoring.thinclient", "AmazonWorkSpacesThinClientMonitoring", "AmazonWorkSpacesThinClientMonitoringServiceRolePolicy", false},                    // [policy] AmazonWorkSpacesThinClientFullAccess
	{"mq", "AmazonMQ", "AmazonMQServiceRolePolicy", false},                                                                                               // [rec]
	{"mrk.kms", "KeyManagementServiceMultiRegionKeys", "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy", false},                                 // [rec]
	{"neptune-graph", "NeptuneGraph", "AWSServiceRoleForNeptuneGraphPolicy", false},                                                                      // [policy] NeptuneConsoleFullAccess
	{"neptune.application-autoscaling", "ApplicationAutoScaling_NeptuneCluster", "AWSApplicationAutoscalingNeptuneClusterPolicy", false},                 // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
	{"network-firewall", "NetworkFirewall", "AWSNetworkFirewallServiceRolePolicy", false},                                                                // [policy] AWSNetworkFirewallFullAccess
	{"network.bedrock-agentcore", "BedrockAgentCoreNetwork", "BedrockAgentCoreNetworkServiceRolePolicy", false},                                          // [policy] BedrockAgentCoreFullAccess
	{"notifications", "AwsUserNotifications", "AWSUserNotificationsServiceLinkedRolePolicy", false},                                                      // [rec]
	{"notifications.ssm", "SystemsManagerNotifications", "AWSSystemsManagerNotificationsServicePolicy", false},                                           // [policy] AWSQuickSetupManageJITNAResourcesExecutionPolicy
	{"observability.aoss", "AmazonOpenSearchServerless", "AmazonOpenSearchServerlessServiceRolePolicy", false},                                           // [rec]
	{"opensearchservice", "AmazonOpenSearchService", "AmazonOpenSearchServiceRolePolicy", false},                                                         // [rec]
	{"ops.apigateway", "APIGateway", "APIGatewayServiceRolePolicy", false},                                                                               // [rec]
	{"ops.athena", "AmazonAthena", "AmazonAthenaServiceRolePolicy", false},                                                                               // [policy] SageMakerStudioAdminIAMDefaultExecutionPolicy
	{"ops.emr-serverless", "AmazonEMRServerless", "AmazonEMRServerlessServiceRolePolicy", false},                                                         // [rec]
	{"opsdatasync.ssm", "SystemsManagerOpsDataSync", "AWSSystemsManagerOpsDataSyncServiceRolePolicy", false},                                             // [rec]
	{"opsinsights.ssm", "AmazonSSM_OpsInsights", "AWSSSMOpsInsightsServiceRolePolicy", false},                                                            // [rec]
	{"organizations", "Organizations", "AWSOrganizationsServiceTrustPolicy", false},                                                                      // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services-using_slrs.html
	{"orgsdatasync.servicecatalog", "ServiceCatalogOrgsDataSync", "AWSServiceCatalogOrgsDataSyncServiceRolePolicy", false},                               // [policy] AWSServiceCatalogAdminFullAccess
	{"osis", "AmazonOpenSearchIngestionService", "AmazonOpenSearchIngestionServiceRolePolicy", false},                                                    // [policy] AmazonOpenSearchIngestionFullAccess
	{"private-marketplace.marketplace", "PrivateMarketplaceAdmin", "AWSServiceRoleForPrivateMarketplaceAdminPolicy", false},                              // [policy] AWSPrivateMarketplaceAdminFullAccess
	{"pullthroughcache.ecr", "ECRPullThroughCache", "AWSECRPullThroughCache_ServiceRolePolicy", false},                                                   // [rec]
	{"ram", "ResourceAccessManager", "AWSResourceAccessManagerServiceRolePolicy", false},                                                                 // [rec]
	{"rds", "RDS", "AmazonRDSServiceRolePolicy", false},                                                                                                  // [rec]
	{"rds.application-autoscaling", "ApplicationAutoScaling_RDSCluster", "AWSApplicationAutoscalingRDSClusterPolicy", false},                             // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
	{"redshift", "Redshift", "AmazonRedshiftServiceLinkedRolePolicy", false},                                                                             // [rec]
	{"remediation.config", "ConfigRemediation", "AWSConfigRemediationServiceRolePolicy", false},                                                          // [policy] ConfigConformsServiceRolePolicy
	{"replication.cassandra", "KeyspacesReplication", "KeyspacesReplicationServiceRolePolicy", false},                                                    // [rec]
	{"replication.ecr", "ECRReplication", "ECRReplicationServiceRolePolicy", false},                                                                      // [rec]
	{"replicator.lambda", "LambdaReplicator", "AWSLambdaReplicator", false},                                                                              // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-edge-permissions.html
	{"reporting.trustedadvisor", "TrustedAdvisorReporting", "AWSTrustedAdvisorReportingServiceRolePolicy", false},                                        // [policy] AWSTrustedAdvisorPriorityFullAccess
	{"repository.sync.codeconnections", "GitSync", "AWSGitSyncServiceRolePolicy", false},                                                                 // [rec]
	{"resource-explorer-2", "ResourceExplorer", "AWSResourceExplorerServiceRolePolicy", false},                                                           // [rec]
	{"role-manager.iam", "IAMRoleManager", "AWSIAMRoleManagerServiceRolePolicy", false},                                                                  // recorded: stackd, testdata/aws/iam/role_manager_cleanup.json
	{"rolesanywhere", "RolesAnywhere", "AWSRolesAnywhereServicePolicy", false},                                                                           // [rec]
	{"route53resolver", "Route53Resolver", "Route53ResolverServiceRolePolicy", false},                                                                    // [policy] AWSObservabilityAdminTelemetryEnablementServiceRolePolicy
	{"runtime-identity.bedrock-agentcore", "BedrockAgentCoreRuntimeIdentity", "BedrockAgentCoreRuntimeIdentityServiceRolePolicy", false},                 // [policy] BedrockAgentCoreFullAccess
	{"runtime-instances.bedrock-agentcore", "BedrockAgentCoreRuntimeInstances", "AWSBedrockAgentCoreRuntimeInstancesServiceRolePolicy", false},           // [policy] BedrockAgentCoreFullAccess
	{"s3-outposts", "S3OnOutposts", "AWSS3OnOutpostsServiceRolePolicy", false},                                                                           // [rec]
	{"sagemaker", "AmazonSageMakerNotebooks", "AmazonSageMakerNotebooksServiceRolePolicy", false},                                                        // [policy] AmazonDataZoneSageMakerProvisioningRolePolicy
	{"sagemaker.application-autoscaling", "ApplicationAutoScaling_SageMakerEndpoint", "AWSApplicationAutoscalingSageMakerEndpointPolicy", false},         // [policy] AmazonDataZoneSageMakerEnvironmentRolePermissionsBoundary
	{"schemas", "Schemas", "AmazonEventBridgeSchemasServiceRolePolicy", false},                                                                           // [policy] AmazonEventBridgeFullAccess
	{"sdmp", "SDMP", "AWSSDMPServiceRolePolicy", false},                                                                                                  // [policy] AWSSDMPServiceRolePolicy
	{"security-ir", "SecurityIncidentResponse", "AWSSecurityIncidentResponseServiceRolePolicy", false},                                                   // [policy] AWSSecurityIncidentResponseFullAccess
	{"securityhub", "SecurityHub", "AWSSecurityHubServiceRolePolicy", false},                                                                             // https://docs.aws.amazon.com/securityhub/latest/userguide/using-service-linked-roles.html
	{"securitylake", "SecurityLake", "SecurityLakeServiceLinkedRole", false},                                                                             // [policy] AmazonSecurityLakeAdministrator
	{"servicecatalog-appregistry", "AWSServiceCatalogAppRegistry", "AWSServiceCatalogAppRegistryServiceRolePolicy", false},                               // [policy] AWSSSMForSAPServiceLinkedRolePolicy
	{"servicequotas", "ServiceQuotas", "ServiceQuotasServiceRolePolicy", false},                                                                          // [policy] Route53RecoveryReadinessServiceRolePolicy
	{"ses", "AmazonSES", "AmazonSESServiceRolePolicy", false},                                                                                            // [rec]
	{"shield", "AWSShield", "AWSShieldServiceRolePolicy", false},                                                                                         // [rec]
	{"spot", "EC2Spot", "AWSEC2SpotServiceRolePolicy", false},                                                                                            // [policy] AmazonECSInfrastructureRolePolicyForManagedInstances
	{"spotfleet", "EC2SpotFleet", "AWSEC2SpotFleetServiceRolePolicy", false},                                                                             // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-fleet-prerequisites.html
	{"ssm", "AmazonSSM", "AmazonSSMServiceRolePolicy", false},                                                                                            // [rec]
	{"ssm-incidents", "IncidentManager", "AWSIncidentManagerServiceRolePolicy", false},                                                                   // [rec]
	{"ssm-quicksetup", "SSMQuickSetup", "SSMQuickSetupRolePolicy", false},                                                                                // [rec]
	{"ssm-sap", "AWSSSMForSAP", "AWSSSMForSAPServiceLinkedRolePolicy", false},                                                                            // [policy] AWSSystemsManagerForSAPFullAccess
	{"sso", "SSO", "AWSSSOServiceRolePolicy", false},                                                                                                     // [rec]
	{"support", "Support", "AWSSupportServiceRolePolicy", false},                                                                                         // [policy] AWSSupportServiceRolePolicy
	{"supportplans", "SupportPlans", "AWSSupportPlansServiceRolePolicy", false},                                                                          // [policy] AWSSupportPlansFullAccess
	{"sync.proton", "ProtonSync", "AWSProtonSyncServiceRolePolicy", false},                                                                               // [policy] AWSProtonFullAccess
	{"thirdparty.config", "ConfigThirdParty", "AWSConfigThirdPartyServiceRolePolicy", false},                                                             // [policy] AmazonInspector2FullAccess_v2
	{"timestream-influxdb", "TimestreamInfluxDB", "AmazonTimestreamInfluxDBServiceRolePolicy", false},                                                    // [policy] AmazonTimestreamInfluxDBFullAccess
	{"transform-custom", "AWSTransformCustom", "AWSServiceRoleForAWSTransformCustom", false},                                                             // [policy] AWSTransformCustomExecuteTransformations
	{"transitgateway", "VPCTransitGateway", "AWSVPCTransitGatewayServiceRolePolicy", false},                                                              // [policy] AWSTransformNetworkMigrationAgentPolicy
	{"triage.security-ir", "SecurityIncidentResponse_Triage", "AWSSecurityIncidentResponseTriageServiceRolePolicy", false},                               // [policy] AWSSecurityIncidentResponseFullAccess
	{"trustedadvisor", "TrustedAdvisor", "AWSTrustedAdvisorServiceRolePolicy", false},                                                                    // https://docs.aws.amazon.com/awssupport/latest/user/using-service-linked-roles-ta.html
	{"user-attribute-cost-allocation-data", "UserAttributeCostAllocation", "AWSUserAttributeCostAllocationPolicy", false},                                // [policy] AWSUserAttributeCostAllocationPolicy
	{"vpc-lattice", "VpcLattice", "AWSVpcLatticeServiceRolePolicy", false},                                                                               // [policy] AWSBedrockAgentCoreGatewayNetworkServiceRolePolicy
	{"vpcorigin.cloudfront", "CloudFrontVPCOrigin", "AWSCloudFrontVPCOriginServiceRolePolicy", false},                                                    // [rec]
	{"waf", "WAFLogging", "WAFLoggingServiceRolePolicy", false},                                                                                          // [rec]
	{"wafv2", "WAFV2Logging", "WAFV2LoggingServiceRolePolicy", false},                                                                                    // [rec]
	{"workspaces.application-autoscaling", "ApplicationAutoScaling_WorkSpacesPool", "AWSApplicationAutoscalingWorkSpacesPoolPolicy", false},              // https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
}
