use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a service runs: one of the four ways to deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Artifact {
    /// A container image.
    Image(ImageArtifact),
    /// A JAR, one JVM per instance.
    Jar(JarArtifact),
    /// A web archive in a servlet container.
    War(WarArtifact),
    /// A virtual machine's disk image.
    Machine(MachineArtifact),
    /// A serverless function.
    Function(FunctionArtifact),
}

impl Artifact {
    /// A container image that exists in a registry.
    pub fn image(reference: impl Into<String>) -> Self {
        Self::Image(ImageArtifact { reference: reference.into(), build: None, pull: PullPolicy::default() })
    }

    /// A JAR file on the deploying machine.
    pub fn jar(path: impl Into<String>) -> Self {
        Self::Jar(JarArtifact { path: path.into(), java: None, jvm_args: Vec::new(), args: Vec::new(), build: None })
    }

    /// The name of its kind, as it stands in a file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Jar(_) => "jar",
            Self::War(_) => "war",
            Self::Machine(_) => "machine",
            Self::Function(_) => "function",
        }
    }

    /// The name it goes by: an image's reference, or a file's path.
    pub fn reference(&self) -> &str {
        match self {
            Self::Image(image) => &image.reference,
            Self::Jar(jar) => &jar.path,
            Self::War(war) => &war.path,
            Self::Machine(machine) => &machine.image,
            Self::Function(function) => function.zip.as_deref().or(function.image.as_deref()).unwrap_or_default(),
        }
    }
}

/// A container image, and how to build it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImageArtifact {
    /// The image's reference: `[registry[:port]/]name[:tag][@digest]`.
    pub reference: String,
    /// Build the image and push it under that reference. Default: it exists already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<ImageBuild>,
    /// When to pull it. Default: `missing`.
    #[serde(default)]
    pub pull: PullPolicy,
}

/// When a target fetches an image from its registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// If the target does not have it.
    #[default]
    Missing,
    /// Before each deployment.
    Always,
    /// Not at all; the target has it, or the deployment fails.
    Never,
}

/// How to build a container image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImageBuild {
    /// The folder sent to the builder.
    pub context: String,
    /// The Dockerfile, relative to the context. Default: `Dockerfile`.
    #[serde(default = "default_dockerfile")]
    pub dockerfile: String,
    /// Build arguments; they stay visible in the image's history, so no secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// The stage of the Dockerfile to build. Default: the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

fn default_dockerfile() -> String {
    "Dockerfile".to_owned()
}

/// A command that produces the artifact's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BuildCommand {
    /// The program and its arguments; no shell is involved.
    pub command: Vec<String>,
    /// Where to run it. Default: the folder of the spec file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

/// A JAR, and the Java that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JarArtifact {
    /// The file on the deploying machine.
    pub path: String,
    /// The Java versions it runs on: `17`, `>=17`, `>=17, <22`. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub java: Option<String>,
    /// Options of the JVM, before `-jar`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jvm_args: Vec<String>,
    /// Arguments of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// How to make the file. Default: it exists already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildCommand>,
}

/// A web archive, and where the servlet container serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WarArtifact {
    /// The file on the deploying machine.
    pub path: String,
    /// The context path under which it is served. Default: `/`.
    #[serde(default = "default_context")]
    pub context: String,
    /// How to make the file. Default: it exists already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildCommand>,
}

fn default_context() -> String {
    "/".to_owned()
}

/// A virtual machine's disk image: one that exists, or how to make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MachineArtifact {
    /// A file on the deploying machine, or the target's name of an image, such as an AMI's id. It is a file if it has a
    /// `/` in it or the extension of a disk image, such as `qcow2`.
    pub image: String,
    /// How to make the file. Default: it exists already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildCommand>,
}

impl MachineArtifact {
    /// Whether the image is a file on the deploying machine, and not the target's name of one.
    pub fn is_file(&self) -> bool {
        const DISKS: [&str; 7] = ["qcow2", "img", "raw", "vmdk", "vhd", "vhdx", "vdi"];
        let extension = self.image.rsplit_once('.').map(|(_, extension)| extension);
        self.image.contains('/') || extension.is_some_and(|extension| DISKS.contains(&extension))
    }
}

/// A serverless function: a zip or a container image, one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FunctionArtifact {
    /// A zip, a folder or a single program on the deploying machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    /// A container image's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The function in the zip that is called; its form depends on the runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// The runtime that runs a zip, such as `provided.al2023`, `java21` or `python3.13`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The processor it was built for. Default: `x86_64`.
    #[serde(default)]
    pub architecture: Architecture,
    /// How to make the zip. Default: it exists already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildCommand>,
}

/// A processor architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// 64-bit x86.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    Arm64,
}
